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
      if (key.startsWith("done.")) showProgress()
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
    field.addEventListener("input", () => {
      if (remembered.write(field.name, box ? (field.checked ? "1" : "") : field.value)) return
      if (box) field.checked = false
      const place = field.closest(".done, .guess")
      if (!place.querySelector(".unkept")) place.append(Object.assign(document.createElement("b"), { className: "unkept", role: "status", textContent: "not kept: your browser refuses" }))
    })
  }
}

/* Another tab has changed what is kept. */
addEventListener("storage", ({ key, newValue }) => {
  for (const field of document.querySelectorAll(".done input, .guess input")) {
    if (key === `book.${field.name}`) showMark(field, newValue)
  }
  showProgress()
})

/* On the map of the home page, and beside the chapters' names in the list on the left. */
const showProgress = () => {
  for (const [chapter, names] of Object.entries(EXERCISES)) {
    const done = names.filter(name => remembered.read("done." + name) === "1").length
    const words = `${done} of ${names.length} exercises done`
    for (const state of document.querySelectorAll(`.map [data-chapter="${chapter}"]`)) {
      state.replaceChildren()
      if (!done) continue
      const bar = Object.assign(document.createElement("progress"), { max: names.length, value: done, ariaHidden: "true" })
      state.append(bar, words)
    }
    for (const link of document.querySelectorAll(".md-nav--primary .md-nav__link[href]:not(.md-nav--secondary *)")) {
      if (!link.pathname.includes(`/${chapter}/`)) continue
      for (const place of link.parentElement.querySelectorAll(":scope > .md-nav__link")) { // the theme has two of the open page
        place.querySelector(".nav-done")?.remove()
        if (!done) continue
        const mark = Object.assign(document.createElement("span"), { className: "nav-done", role: "img", ariaLabel: words, title: words })
        mark.style.setProperty("--share", done / names.length)
        place.prepend(mark)
      }
    }
  }
}
