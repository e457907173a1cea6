/* Material announces each page that it shows, also those that it fetches without loading anew. */

const start = () => {
  restoreMarks()
  showProgress()
  offerToKeep()
  offerBenches()
  makeEnlargeable()
  unfoldTarget()
  unfoldHit()
}
addEventListener("hashchange", unfoldTarget)
globalThis.document$ ? document$.subscribe(start) : start()
