// The exported functions of a worker module are its commands.
export * from '../tasks.js'
