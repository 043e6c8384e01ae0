'use strict'

// The entry of every npm script. It and toolchain.cjs are written so that even a Node far too old to run anything
// else here can parse them: the first thing a stranger sees must be what is missing, not a SyntaxError.

var toolchain = require('./toolchain.cjs')

var problem = toolchain.problem()
if (problem) {
  console.error(problem)
  process.exit(1)
}

require('./dispatch.cjs')
