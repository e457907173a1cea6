/* A tap on a figure shows it as large as the screen allows; Esc, the button or a tap beside it puts it back. */

const enlarged = figure => {
  const picture = [...figure.querySelectorAll("img")].find(image => image.offsetWidth)
  if (!picture) return
  const dialog = document.createElement("dialog")
  dialog.className = "enlarged"
  dialog.setAttribute("aria-label", "The figure, enlarged")
  const close = Object.assign(document.createElement("button"), { type: "button", className: "close", ariaLabel: "Close", textContent: "×" })
  const copy = picture.cloneNode()
  copy.style.setProperty("--ratio", picture.width / picture.height)
  const words = figure.querySelector("figcaption")?.cloneNode(true)
  const scroller = document.createElement("div")
  scroller.tabIndex = 0
  scroller.append(copy)
  dialog.append(close, scroller, ...(words ? [words] : []))
  document.body.append(dialog)
  dialog.addEventListener("click", event => { if (event.target === dialog || event.target === close) dialog.close() })
  dialog.addEventListener("close", () => dialog.remove())
  dialog.showModal()
}

const makeEnlargeable = () => {
  for (const figure of document.querySelectorAll("figure.plot")) {
    if (figure.querySelector(".enlarge")) continue
    const button = Object.assign(document.createElement("button"), { type: "button", className: "enlarge", ariaLabel: "Enlarge the figure" })
    button.append(Object.assign(document.createElement("span"), { ariaHidden: "true" }))
    figure.prepend(button)
    button.addEventListener("click", () => enlarged(figure))
    for (const image of figure.querySelectorAll("img")) image.addEventListener("click", () => button.click())
  }
}
