// Named exports with one task argument, as Piscina's "Exporting multiple worker functions".
import * as tasks from '../tasks.js'

export const add = ([a, b]) => tasks.add(a, b)
export const echo = ([value]) => tasks.echo(value)
export const touch = ([bytes]) => tasks.touch(bytes)
export const ends = ([bytes]) => tasks.ends(bytes)
export const digest = ([bytes]) => tasks.digest(bytes)
export const give = ([length, mark]) => tasks.give(length, mark)
export const burn = ([ms]) => tasks.burn(ms)
export const spin = ([us]) => tasks.spin(us)
export const count = ([key]) => tasks.count(key)
export const countLater = ([key]) => tasks.countLater(key)
export const identity = ([ms]) => tasks.identity(ms)
