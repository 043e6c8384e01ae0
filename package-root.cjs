'use strict'

// The folder of this package, for sources that are built both as ESM and as CommonJS: neither `import.meta` nor
// `__dirname` exists in both, this file does, one level above src/, dist/ and cjs/ alike.
module.exports = __dirname
