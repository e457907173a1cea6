/* A link into a fold opens it, and so does a hit of the search that nothing but a fold holds. */

const unfold = element => {
  for (let fold = element?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true
    fold.dataset.opened = ""
  }
}

/* Which folds the reader has opened: the theme opens all of them for printing, and solutions shall not print so. */
addEventListener("click", ({ target }) => {
  const fold = target.closest?.("summary")?.parentElement
  fold?.toggleAttribute("data-opened", !fold.open) // it is toggled after this
})

const named = hash => document.getElementById(decodeURIComponent(hash.slice(1)))

const unfoldTarget = () => {
  const target = named(location.hash)
  if (!target?.closest("details:not([open])")) return
  unfold(target)
  target.scrollIntoView()
}

/* The heading that the search names for a place: the last one before it in something that holds them both. */
const headingOf = place => [...document.querySelectorAll("article :is(h1, h2, h3, h4)[id]")].findLast(heading =>
  heading.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING && heading.parentElement.contains(place))

const unfoldHit = (tries = 20) => {
  if (!new URLSearchParams(location.search).has("h")) return
  if (!document.querySelector("article mark[data-md-highlight]")) {
    if (tries) setTimeout(unfoldHit, 100, tries - 1)
    return
  }
  const start = named(location.hash)
  const hits = [...document.querySelectorAll("article mark[data-md-highlight]")]
    .filter(hit => !hit.closest("details.solution") && (!start || headingOf(hit) === start))
  if (hits.length && hits.every(hit => hit.closest("details:not([open])"))) unfold(hits[0])
}
