// What users of pools without keys build in front of them, so that calls of one key run on one worker, one at a time
// and in their order.

/** Which of `workers` has the calls of `key`: the sum of its characters, which spreads the keys of the bench evenly. */
export function workerOfKey(key, workers) {
  let sum = 0
  for (let index = 0; index < key.length; index++) sum += key.charCodeAt(index)
  return sum % workers
}

/**
 * A chain of promises per key: a call is made when the one before it has settled. Only where a worker runs several
 * calls at once; where its calls are finished one after the other, their order on the way there is enough, and faster.
 * Keys are never forgotten, which a program with many of them could not afford.
 */
export function chainByKey(call) {
  const chains = new Map()
  return (key, ...rest) => {
    const make = () => call(key, ...rest)
    const answer = chains.get(key)?.then(make, make) ?? make()
    chains.set(key, answer)
    return answer
  }
}
