/* The exercises of the first chapters can be worked in the page. What that takes is fetched when somebody asks for it:
   src/groundup/site/bench has it. */

const offerBenches = () => {
  for (const place of document.querySelectorAll(".work")) {
    const button = place.querySelector("button")
    if (remembered.read(`code.${place.dataset.exercise}`)) button.textContent = "Go on with your answer"
    button.addEventListener("click", async () => {
      if (button.ariaDisabled === "true") return
      button.ariaDisabled = "true" // and not disabled: it keeps the focus until the editor has it
      place.querySelector("[role=status]").textContent = ""
      try {
        const bench = await import(new URL(`${place.dataset.bench}bench.js`, location))
        await bench.open(place, remembered)
      } catch {
        button.ariaDisabled = "false"
        place.querySelector("[role=status]").textContent = location.protocol === "file:"
          ? "This works where the site is served: run make serve, and open the address that it prints."
          : "It could not be loaded. Look at your network, then press the button again; if that does not help, reload the page."
      }
    })
  }
}
