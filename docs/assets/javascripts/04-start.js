/* Material announces each page that it shows, also those that it fetches without loading anew; none of a folder's. */

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
globalThis.document$ && location.protocol !== "file:" ? document$.subscribe(start) : start()
