export * from '../tasks.js'
