// The exported functions of a worker module are its commands.
export { add, burn, digest, echo, ends, give, identity, touch } from '../tasks.js'
