// The registry in its plain form: needs no compiler.

import { plump } from 'plump-ipc'

class Camera {
  #position = 0

  move(by) {
    this.#position += by
    return this.#position
  }

  position() {
    return this.#position
  }
}

plump.command('move', Camera.prototype.move)
plump.command('where', Camera.prototype.position)
plump.command(function describe(verbose) {
  // Functions run on the context, too, if they use `this`.
  return verbose ? `a camera at ${this.position()}` : 'a camera'
})
plump.setContext(new Camera())
