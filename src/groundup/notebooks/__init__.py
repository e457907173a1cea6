"""What readers work in: notebooks with stubs instead of solutions."""

from groundup.notebooks.reader import notebook, notebooks, write_notebooks

__all__ = ["notebook", "notebooks", "write_notebooks"]
