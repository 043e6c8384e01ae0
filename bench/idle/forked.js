// The yardstick: what node's own child does while nothing happens.

process.on('message', ({ a, b }) => process.send(a + b))
