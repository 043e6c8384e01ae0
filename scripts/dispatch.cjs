'use strict'

// Apart from run.cjs, because `import()` is a SyntaxError to the versions of Node that run.cjs turns away.
import('./commands.js').then((commands) => commands.main(process.argv.slice(2)))
