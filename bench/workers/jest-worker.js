export { add, burn, digest, echo, ends, give, identity, touch } from '../tasks.js'
