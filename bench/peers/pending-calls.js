/** The table of calls in flight that every hand-written peer needs. */
export function pendingCalls() {
  const pending = new Map()
  let next = 0
  return {
    add(send) {
      const id = next++
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject })
        send(id)
      })
    },
    settle(id, error, value) {
      const call = pending.get(id)
      if (call === undefined) throw new Error(`an answer to the unknown call ${id}`)
      pending.delete(id)
      if (error === undefined) call.resolve(value)
      else call.reject(error instanceof Error ? error : new Error(error))
    },
    rejectAll(error) {
      for (const call of pending.values()) call.reject(error)
      pending.clear()
    },
  }
}
