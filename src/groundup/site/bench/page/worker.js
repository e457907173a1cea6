/* Python in a worker: the page stays alive, and code that never ends is stopped by ending the worker.

   The first message brings the files, so that nothing is fetched from here, and Python's compiled code; each one after
   it is an attempt. */

let work

const begin = async (files, code) => {
  const address = name => URL.createObjectURL(files[name])
  globalThis.fetch = async wanted => {
    const file = files[`${wanted}`.split("/").pop()]
    if (!file) throw new TypeError("nothing is fetched from elsewhere")
    return new Response(file, { headers: { "Content-Type": file.type } })
  }
  for (const way of ["WebSocket", "XMLHttpRequest", "EventSource", "WebTransport"]) globalThis[way] = undefined
  WebAssembly.instantiateStreaming = async (response, imports) => // Pyodide would compile it once more
    ({ module: code, instance: await WebAssembly.instantiate(code, imports) })
  const { loadPyodide } = await import(address("pyodide.mjs"))
  const made = await import(address("pyodide.asm.mjs"))
  const python = await loadPyodide({
    indexURL: `${location.origin}/`,
    createPyodideModule: made.default,
    lockFileContents: await files["pyodide-lock.json"].text(),
    stdin: () => undefined,
  })
  for (const name of ["names", "printed", "attempt"]) {
    const module = python.runPython(`import sys, types\nsys.modules['${name}'] = types.ModuleType('${name}')\nvars(sys.modules['${name}'])`)
    python.runPython(await files[`${name}.py`].text(), { globals: module })
    work = module.get("work")
  }
}

onmessage = async ({ data: { files, code, lesson, exercise, answer } }) => {
  try {
    if (files) {
      await begin(files, code)
      postMessage({ ready: true })
    } else {
      const outcome = work(lesson, exercise, answer, printed => { postMessage({ printed }) })
      postMessage({ outcome: JSON.parse(outcome) })
    }
  } catch (error) {
    postMessage({ broken: `${error}`.trim().split("\n").pop() }) // of Python's own, the last line tells
  }
}
