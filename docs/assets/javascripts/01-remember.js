/* What a reader did, kept in this browser only: exercises marked done, guesses, and how much of each chapter is done. */

const remembered = {
  read: key => { try { return localStorage.getItem("book." + key) } catch { return null } },
  write: (key, value) => {
    try { value ? localStorage.setItem("book." + key, value) : localStorage.removeItem("book." + key) } catch { /* a private window */ }
  },
}

const restoreMarks = () => {
  for (const field of document.querySelectorAll(".done input, .guess input")) {
    const box = field.type === "checkbox"
    const kept = remembered.read(field.name)
    if (box) field.checked = kept === "1"
    else field.value = kept ?? ""
    field.addEventListener("input", () => remembered.write(field.name, box ? (field.checked ? "1" : "") : field.value))
  }
}

const showProgress = () => {
  for (const state of document.querySelectorAll(".map [data-exercises]")) {
    const names = state.dataset.exercises.split(" ").filter(Boolean)
    const done = names.filter(name => remembered.read("done." + name) === "1").length
    if (!done) continue
    const bar = Object.assign(document.createElement("progress"), { max: names.length, value: done, ariaHidden: "true" })
    state.replaceChildren(bar, `${done} of ${names.length} exercises done`)
  }
}
