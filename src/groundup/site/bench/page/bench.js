/* The bench of one exercise: an editor, and what came of running its check. Bundled with the editor when the site is
   built (fetching.py), and fetched when a reader asks for it. Everything that it needs is then in the page: it works on
   without a network. */

import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete"
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands"
import { python } from "@codemirror/lang-python"
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language"
import { EditorState, StateEffect, StateField } from "@codemirror/state"
import { Decoration, drawSelection, EditorView, keymap, lineNumbers } from "@codemirror/view"
import { tags } from "@lezer/highlight"

const SECONDS = 30 // the checks of these chapters take less than one
const START = 60 // seconds for Python to begin once its files are here: three on a slow machine
const NETWORK = "Look at your network, then run the check; if that does not help, reload the page."
const TO_REPLACE = "raise NotImplementedError"
const PYTHON = {
  "pyodide.mjs": "text/javascript",
  "pyodide.asm.mjs": "text/javascript",
  "pyodide.asm.wasm": "application/wasm",
  "python_stdlib.zip": "application/zip",
  "pyodide-lock.json": "application/json",
  "names.py": "text/x-python",
  "attempt.py": "text/x-python",
  "printed.py": "text/x-python",
  "worker.js": "text/javascript",
}

/* Files: once fetched they are kept, so that Python can begin anew without a network. */

const fetched = new Map()
const spoilt = new Set() // their addresses: nothing came of them, and the browser's own copy is no good either
const watchers = new Set() // they are told how many bytes have come
let bytes = 0

const fetchOnce = address => {
  if (!fetched.has(address)) {
    const file = fetchFile(address)
    file.catch(() => fetched.delete(address))
    fetched.set(address, file)
  }
  return fetched.get(address)
}

const forget = address => {
  fetched.get(address)?.then(file => count(-file.size), () => {})
  fetched.delete(address)
  spoilt.add(address)
}

const count = number => {
  bytes += number
  for (const watcher of watchers) watcher(bytes)
}

const fetchFile = async address => {
  const response = await fetch(address, { cache: spoilt.has(address) ? "reload" : "default" })
  if (!response.ok) throw new Error(`${response.status} for ${address}`)
  const parts = []
  const reader = response.body.getReader()
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      parts.push(value)
      count(value.length)
    }
  } catch (error) {
    count(-parts.reduce((sum, part) => sum + part.length, 0))
    throw error
  }
  return new Blob(parts, { type: PYTHON[address.split("/").pop()] ?? "application/json" })
}

/* Python: one worker for all benches, begun with the first of them, and begun anew after it was ended. */

let worker = null
let ready = false
let compiled = null // Python's own code: the same for every worker

const compile = async file => {
  if (compiled?.file !== file) compiled = { file, code: await WebAssembly.compile(await file.arrayBuffer()) }
  return compiled.code
}

const beginPython = async base => {
  const names = Object.keys(PYTHON)
  const blobs = await Promise.all(names.map(name => fetchOnce(base + name)))
  const files = Object.fromEntries(names.map((name, index) => [name, blobs[index]]))
  let begun = null
  try {
    const code = await compile(files["pyodide.asm.wasm"])
    begun = new Worker(URL.createObjectURL(files["worker.js"]), { type: "module" })
    await new Promise((resolve, reject) => {
      setTimeout(reject, 1000 * START)
      begun.onerror = reject
      begun.onmessage = ({ data }) => data.ready ? resolve() : reject()
      begun.postMessage({ files, code })
    })
  } catch (error) { // one of the files is broken, and nobody can tell which
    begun?.terminate()
    for (const name of names) forget(base + name)
    throw error
  }
  return begun
}

const thePython = base => {
  if (!worker) {
    const beginning = worker = beginPython(base)
    beginning.then(() => { ready = worker === beginning }, () => { if (worker === beginning) worker = null })
  }
  return worker
}

const beginPythonAnew = base => {
  worker.then(begun => begun.terminate())
  worker = null
  ready = false
  thePython(base).catch(() => {}) // the next attempt shall not wait
}

/* An attempt resolves to what became of it: what attempt.py says, or that it was ended from here. */

const ENDED = ["stopped", "late", "broken"]
let running = null // the attempt that runs

/* The theme may have put another page in the place of this one: nobody can stop there what ran here. */
globalThis.document$?.subscribe(() => { if (running && !running.place.isConnected) running.stop() })

const attempt = (place, base, task, begins, show) => new Promise(resolve => {
  let clock = null
  const end = outcome => {
    if (running !== own) return
    running = null
    clearTimeout(clock)
    if (clock && (ENDED.includes(outcome.stage) || outcome.error === "MemoryError")) beginPythonAnew(base)
    resolve(outcome)
  }
  const own = running = { place, stop: () => end({ stage: clock ? "stopped" : "not begun" }) }
  thePython(base).then(begun => {
    if (running !== own) return
    begins()
    clock = setTimeout(end, 1000 * SECONDS, { stage: "late" })
    begun.onmessage = ({ data }) => {
      if (running !== own) return
      if (data.printed) show(data.printed)
      else end(data.outcome ?? { stage: "broken", message: data.broken })
    }
    begun.postMessage(task)
  }, () => end({ stage: "missing" }))
})

/* What became of it, in words: the first says how it is, the others what about it. */
const verdict = ({ stage, error, message, line }) => {
  const where = line ? `Line ${line}: ` : ""
  const because = message ? `: ${message}` : ""
  if (stage === "stopped") return ["Stopped", "Python begins anew; your text is as it was."]
  if (stage === "not begun") return ["Stopped", "Nothing was run; your text is as it was."]
  if (stage === "late") return ["Stopped", `It was not done after ${SECONDS} seconds. Is there a loop that never ends, or is it a great deal of work?`]
  if (stage === "book") return ["Not run", `A cell of the book that your answer builds on failed: ${error}${because}`]
  if (stage === "missing") return ["Not run", `Python could not be loaded. ${NETWORK}`]
  if (stage === "broken" && /call stack/.test(message)) return ["Error", "It goes too deep. Is there a function that calls itself and never ends?"]
  if (stage === "broken") return ["Not run", `Python broke down and begins anew${because}`]
  if (stage === "unchecked") return ["Not checked", `${message[0].toUpperCase()}${message.slice(1)}.`]
  if (stage === "untouched" && !line) return ["Not started", "There is no code of yours to check yet."]
  if (stage === "untouched" || error === "NotImplementedError") return ["Not started", `${where}${TO_REPLACE} still stands where your code belongs.`]
  if (stage === "check" && error === "AssertionError") return ["Not yet", message || "A check failed that has no words for it."]
  if (stage === "check" && !line) return ["Not yet", `The check could do nothing with it, and stops at ${error}${because}`]
  if (error === "AssertionError") return ["Error", `${where}an assert of your own fails${because}`]
  return ["Error", `${where}${error}${because}`]
}

/* The editor */

const colour = name => `var(--md-code-hl-${name}-color)`
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.bool, tags.null, tags.self], color: colour("keyword") },
  { tag: [tags.string, tags.special(tags.string)], color: colour("string") },
  { tag: tags.number, color: colour("number") },
  { tag: tags.comment, color: colour("comment") },
  { tag: [tags.definition(tags.function(tags.variableName)), tags.definition(tags.className)], color: colour("function") },
  { tag: [tags.operator, tags.punctuation, tags.bracket], color: colour("operator") },
  { tag: tags.meta, color: colour("special") },
])

const markLine = StateEffect.define() // the line of an error, or 0
const marked = StateField.define({
  create: () => Decoration.none,
  update: (lines, change) => {
    for (const effect of change.effects) {
      if (!effect.is(markLine)) continue
      const line = effect.value
      if (!line || line > change.state.doc.lines) return Decoration.none
      return Decoration.set([Decoration.line({ class: "bench-wrong" }).range(change.state.doc.line(line).from)])
    }
    return change.docChanged ? Decoration.none : lines
  },
  provide: field => EditorView.decorations.from(field),
})

const editor = (parent, text, label, help, run, changed) => new EditorView({
  parent,
  state: EditorState.create({
    doc: text,
    extensions: [
      keymap.of([
        { key: "Mod-Enter", run: () => { run(); return true } },
        { key: "Escape", run: view => { view.setTabFocusMode(true); return false } },
        ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab,
      ]),
      lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(),
      python(), indentUnit.of("    "), EditorState.tabSize.of(4), syntaxHighlighting(colours), marked,
      EditorView.contentAttributes.of({ "aria-label": label, "aria-describedby": help, spellcheck: "false" }),
      EditorView.domEventHandlers({ blur: (event, view) => { view.setTabFocusMode(false) } }),
      EditorView.updateListener.of(update => { if (update.docChanged) changed() }),
    ],
  }),
})

/* The bench itself */

const made = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

const read = (text, address) => {
  try {
    return JSON.parse(text)
  } catch (error) {
    forget(address)
    throw error
  }
}

export const open = async (place, remembered) => {
  const { bench, lesson, exercise, size } = place.dataset
  const base = new URL(bench, location.href).href
  const card = place.closest(".exercise")
  const title = card.querySelector(".kicker").textContent.trim().replace(/:$/, "")
  const name = exercise.slice(exercise.indexOf(".") + 1)
  const key = `code.${exercise}`

  const address = `${base}${lesson}.json`
  const source = await (await fetchOnce(address)).text()
  const { stub } = read(source, address).exercises[name]

  const button = (label, action, kind = "") => // one that cannot be pressed now keeps the focus
    made("button", { type: "button", className: kind, textContent: label, ariaDisabled: "false", onclick: action })
  const runs = button("Run check", () => run(), "bench-run")
  const stops = button("Stop", () => { if (running?.place === place) running.stop() })
  const anew = button("Begin anew", () => beginAnew())
  const help = made("p", { className: "bench-help", id: `help.${exercise}` })
  const says = made("div", { className: "bench-says" })
  says.setAttribute("role", "status")
  const printed = made("pre", { className: "out", tabIndex: 0, hidden: true, role: "region", ariaLabel: "Printed" })
  const field = made("div", { className: "bench-editor" })
  const loading = made("p", { className: "bench-loading" })
  const bar = made("div", { className: "bench-bar" }, runs, stops, anew)
  const state = made("div", { className: "bench-state" }, says, loading)
  stops.ariaDisabled = "true"

  const mac = /Mac|iPhone|iPad/.test(navigator.platform)
  const keys = `${mac ? "⌘" : "Ctrl"}-Enter runs the check. Esc, then Tab leaves the editor.`
  const tell = kept => {
    help.textContent = kept
      ? `${keys} Your text is kept in this browser only.`
      : `${keys} Your text cannot be kept here: copy it elsewhere before you leave the page.`
  }
  const say = (kind, word, ...words) => {
    says.className = `bench-says ${kind}`
    says.replaceChildren(made("b", { textContent: word }), " ", made("span", {}, ...words))
  }
  const text = () => view.state.doc.toString()
  const own = () => text() === stub ? "" : text() // what is to be kept of it
  let tried = null // the text that the words below are about
  const changed = () => {
    tell(remembered.write(key, own()))
    says.classList.toggle("before", tried !== null && tried !== text())
  }
  const replace = other => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: other } })

  const desk = made("div", { className: "bench" }, field, bar, state, printed, help)
  desk.addEventListener("keydown", event => event.stopPropagation()) // the theme turns pages with bare letters
  place.replaceChildren(desk)
  const view = editor(field, remembered.read(key) || stub, `Your answer to ${title}`, help.id, () => run(), changed)
  tell(remembered.works())
  const start = stub.indexOf(TO_REPLACE)
  if (start >= 0 && text() === stub) {
    view.dispatch({ selection: { anchor: start, head: start + TO_REPLACE.length } })
  }
  view.focus()

  const follow = event => { // another tab has changed what is kept
    if (!place.isConnected) return removeEventListener("storage", follow)
    if (event.key !== `book.${key}` || (event.newValue ?? "") === own()) return
    if ((event.oldValue ?? "") === own()) replace(event.newValue || stub)
    else help.textContent = "Another tab has another answer to this exercise: what is typed last, here or there, is kept."
  }
  addEventListener("storage", follow)

  const showLoading = async () => {
    if (ready) return
    const amount = made("progress", { max: +size, value: bytes, ariaLabel: "Loading Python" })
    const words = made("span")
    const watcher = loaded => {
      amount.value = loaded
      const [have, all] = [loaded, size].map(number => Math.round(number / 1e6))
      words.textContent = have < all ? `Loading Python: ${have} of ${all} MB` : "Starting Python"
    }
    loading.replaceChildren(amount, words)
    watcher(bytes)
    watchers.add(watcher)
    try {
      await thePython(base)
    } catch {
      if (!running) say("failed", "Not loaded", `Python could not be loaded. ${NETWORK}`)
    }
    watchers.delete(watcher)
    loading.replaceChildren()
  }

  const run = async () => {
    if (running?.place === place) return
    if (running) return say("failed", "Not run", "Another exercise is still running: stop it first.")
    runs.ariaDisabled = "true"
    stops.ariaDisabled = "false"
    clear()
    say("", "Waiting for Python …")
    showLoading()
    const show = words => {
      printed.hidden = false
      const text = printed.firstChild ?? printed.appendChild(new Text()) // one for all: each piece comes by itself
      text.appendData(words)
    }
    const answer = text()
    const begins = () => say("", "Running …")
    const outcome = await attempt(place, base, { lesson: source, exercise: name, answer }, begins, show)
    runs.ariaDisabled = "false"
    stops.ariaDisabled = "true"
    tried = answer
    if (outcome.stage === "passed") {
      const kept = remembered.write(`done.${exercise}`, "1")
      card.querySelector(".done input").checked = true
      const words = kept ? "The exercise is marked as done. " : ""
      say("passed", "Passed", words, made("i", { textContent: "What I did" }), " is below, to compare.")
    } else {
      say(["stopped", "not begun"].includes(outcome.stage) ? "" : "failed", ...verdict(outcome))
    }
    state.scrollIntoView({ block: "nearest" })
    if (answer === text()) view.dispatch({ effects: markLine.of(outcome.line ?? 0) })
    else says.classList.add("before")
  }

  const clear = () => {
    tried = null
    printed.hidden = true
    printed.textContent = ""
    view.dispatch({ effects: markLine.of(0) })
    say("", "")
  }

  const beginAnew = async () => {
    if (text() !== stub && !confirm("Put the beginning back in place of your answer?")) return
    if (running?.place === place) running.stop()
    else if (ready && !running) beginPythonAnew(base) // an answer may have changed what cannot be restored
    replace(stub)
    view.focus()
    await null // what was stopped has then been told
    clear()
  }

  showLoading()
}
