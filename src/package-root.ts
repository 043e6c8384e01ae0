import { dirname } from 'node:path'

/**
 * The folder of this package, absolute. src/ and dist/ lie at the same depth; the build puts `__dirname` in the place of
 * `import.meta.dirname`.
 */
export const packageRoot: string = dirname(import.meta.dirname)
