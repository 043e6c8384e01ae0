/** Absolute path of the folder that holds this package's package.json. */
declare const packageRoot: string
export = packageRoot
