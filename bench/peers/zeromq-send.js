/**
 * A zeromq.js socket allows one `send()` at a time (EBUSY otherwise): what comes meanwhile waits
 * here, in its order.
 */
export function sendInOrder(socket) {
  const queue = []
  let sending = false

  async function drain() {
    sending = true
    try {
      for (let index = 0; index < queue.length; index++) await socket.send(queue[index])
    } finally {
      queue.length = 0
      sending = false
    }
  }

  return (message) => {
    queue.push(message)
    if (!sending) drain()
  }
}
