/* What a reader did, kept in this browser only: exercises marked done, guesses, answers, and how much is done. */

const KEPT = /^(done|guess|code)\.\d+\.[\w-]+$/
const LONGEST_KEPT = 100_000 // letters of one answer

const remembered = {
  read: key => { try { return localStorage.getItem("book." + key) } catch { return null } },
  /* Whether it could be kept: a private window may refuse, or be full; and nothing is kept that no file could bring. */
  write: (key, value) => {
    if (value.length > LONGEST_KEPT) return false
    try {
      value ? localStorage.setItem("book." + key, value) : localStorage.removeItem("book." + key)
      return true
    } catch { return false }
  },
  works: () => remembered.write("probe", "1") && remembered.write("probe", ""),
  all: () => {
    try {
      const keys = Object.keys(localStorage).filter(key => key.startsWith("book.") && KEPT.test(key.slice(5)))
      return Object.fromEntries(keys.sort().map(key => [key.slice(5), localStorage.getItem(key)]))
    } catch { return {} }
  },
}

const showMark = (field, kept) => {
  if (field.type === "checkbox") field.checked = kept === "1"
  else field.value = kept ?? ""
}

const restoreMarks = () => {
  for (const field of document.querySelectorAll(".done input, .guess input")) {
    const box = field.type === "checkbox"
    showMark(field, remembered.read(field.name))
    field.addEventListener("input", () => remembered.write(field.name, box ? (field.checked ? "1" : "") : field.value))
  }
}

/* Another tab has changed what is kept. */
addEventListener("storage", ({ key, newValue }) => {
  for (const field of document.querySelectorAll(".done input, .guess input")) {
    if (key === `book.${field.name}`) showMark(field, newValue)
  }
  showProgress()
})

const showProgress = () => {
  for (const state of document.querySelectorAll(".map [data-exercises]")) {
    const names = state.dataset.exercises.split(" ").filter(Boolean)
    const done = names.filter(name => remembered.read("done." + name) === "1").length
    state.replaceChildren()
    if (!done) continue
    const bar = Object.assign(document.createElement("progress"), { max: names.length, value: done, ariaHidden: "true" })
    state.append(bar, `${done} of ${names.length} exercises done`)
  }
}
