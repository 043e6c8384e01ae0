// Generated from package.json by `npm run generate`; edit it there.

/** Version of this package; host and worker must have the same. */
export const version = '0.1.0'
