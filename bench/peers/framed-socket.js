// Frames of msgpackr over a stream socket: a length of 4 bytes, then the packed message.
import { Packr } from 'msgpackr'

/**
 * Calls `receive` for every message. `send` returns a promise when the socket's buffer is full.
 * What is sent in one turn leaves in one write (cork), as many small frames otherwise cost one
 * system call each.
 */
export function frameSocket(socket, receive) {
  // `sequential` is what the package's own streams use: a shape of objects is sent once. One
  // packer per direction, as each side counts the shapes that it has seen.
  const outgoing = new Packr({ sequential: true })
  const incoming = new Packr({ sequential: true })
  let chunks = []
  let available = 0
  let wanted = -1
  let corked = false
  let drained

  socket.on('data', (chunk) => {
    chunks.push(chunk)
    available += chunk.length
    if (wanted >= 0 && available < wanted) return
    let bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, available)
    let offset = 0
    for (;;) {
      if (wanted < 0) {
        if (bytes.length - offset < 4) break
        wanted = bytes.readUInt32LE(offset)
        offset += 4
      }
      if (bytes.length - offset < wanted) break
      const message = incoming.unpack(bytes.subarray(offset, offset + wanted))
      offset += wanted
      wanted = -1
      receive(message)
    }
    bytes = bytes.subarray(offset)
    chunks = bytes.length === 0 ? [] : [bytes]
    available = bytes.length
  })

  const uncork = () => {
    corked = false
    socket.uncork()
  }

  return {
    send(message) {
      const packed = outgoing.pack(message)
      const header = Buffer.allocUnsafe(4)
      header.writeUInt32LE(packed.length)
      if (!corked) {
        corked = true
        socket.cork()
        process.nextTick(uncork)
      }
      socket.write(header)
      if (socket.write(packed)) return undefined
      drained ??= new Promise((resolve) => {
        socket.once('drain', () => {
          drained = undefined
          resolve()
        })
      })
      return drained
    },
  }
}
