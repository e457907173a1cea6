/* What the browser remembers, as a file to take to another one. */

const offerToKeep = () => {
  const place = document.querySelector(".kept")
  if (!place) return
  const [save, take, clear] = place.querySelectorAll("button")
  const says = place.querySelector("[role=status]")
  const things = number => number === 1 ? "1 thing" : `${number} things`
  const count = kept => things(Object.keys(kept).length)

  save.addEventListener("click", () => {
    const kept = remembered.all()
    if (!Object.keys(kept).length) return says.textContent = "There is nothing to save yet."
    const text = JSON.stringify({ book: BOOK, kept }, null, 1)
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }))
    Object.assign(document.createElement("a"), { href: address, download: "ground-up.json" }).click()
    setTimeout(() => URL.revokeObjectURL(address), 10_000)
    says.textContent = `Saved ${count(kept)} to the file ground-up.json.`
  })

  const field = Object.assign(document.createElement("input"), { type: "file", accept: ".json,application/json" })
  take.addEventListener("click", () => field.click())
  field.addEventListener("change", async () => {
    const [file] = field.files
    if (!file) return
    const [kept, strange] = keptIn(await file.text())
    field.value = ""
    if (!Object.keys(kept).length) return says.textContent = `${file.name} is no file that was saved here; nothing was changed.`
    const here = remembered.all()
    const other = Object.keys(kept).filter(key => here[key] !== undefined && here[key] !== kept[key])
    if (other.length && !confirm(`${other.length} of your entries here are different, and those of the file would take their place. Take them?`)) return
    const refused = Object.entries(kept).filter(([key, value]) => !remembered.write(key, value)).length
    const words = [refused
      ? `Took ${Object.keys(kept).length - refused} of ${count(kept)} from ${file.name}: your browser has no room for the rest.`
      : `Took ${count(kept)} from ${file.name}.`]
    if (strange) words.push(`${things(strange)} in it ${strange === 1 ? "is" : "are"} not known here, and left out.`)
    says.textContent = words.join(" ")
  })

  clear.addEventListener("click", () => {
    const kept = remembered.all()
    if (!Object.keys(kept).length) return says.textContent = "There is nothing to clear."
    if (!confirm(`Forget what this browser knows of your work (${count(kept)}), answers too? To have it again, save it to a file first.`)) return
    for (const key of Object.keys(kept)) remembered.write(key, "")
    says.textContent = "Cleared."
  })
}

const BOOK = "Deep Learning from the Ground Up"

/* What a file holds that can be taken, and how much else there is in it. */
const keptIn = text => {
  try {
    const { book, kept } = JSON.parse(text)
    if (book !== BOOK) return [{}, 0]
    const lists = Object.values(EXERCISES)
    const exercises = new Set(lists.flat())
    const right = ([key, value]) => {
      const [kind, chapter] = key.split(".")
      const known = kind === "guess" ? chapter <= lists.length : exercises.has(key.slice(kind.length + 1))
      return KEPT.test(key) && known && typeof value === "string" && value && value.length <= LONGEST_KEPT && (kind !== "done" || value === "1")
    }
    const entries = Object.entries(kept)
    const good = entries.filter(right)
    return [Object.fromEntries(good), entries.length - good.length]
  } catch { return [{}, 0] }
}
