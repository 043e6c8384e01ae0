// The same with decorators of TC39, which need a compiler; main.js gives the worker one in `execArgv`.

import { plump } from 'plump-ipc'

class Camera {
  #position = 0

  @plump.command()
  move(by: number): number {
    this.#position += by
    return this.#position
  }

  @plump.command('where')
  position(): number {
    return this.#position
  }
}

plump.setContext(new Camera())
