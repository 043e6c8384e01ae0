"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.moduleUrl = moduleUrl;
const node_path_1 = require("node:path");
const node_url_1 = require("node:url");
const errors_js_1 = require("./errors.js");
const options_js_1 = require("./options.js");
/**
 * The URL of a worker module given as `URL` or absolute path. Relative paths are refused: there is nothing that they
 * could sensibly be relative to, the caller's file is not known here.
 *
 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
 */
function moduleUrl(module, argument = 'module') {
    if (module instanceof URL) {
        if (module.protocol === 'file:' || module.protocol === 'data:')
            return module.href;
        throw invalid(`${argument} must be a file: or data: URL, got ${(0, options_js_1.shown)(module.href)}.`);
    }
    if (typeof module === 'string' && (0, node_path_1.isAbsolute)(module) && !module.includes('\0'))
        return (0, node_url_1.pathToFileURL)(module).href;
    const hint = typeof module === 'string' && !module.startsWith('file:')
        ? ` For a file beside this one: new URL(${JSON.stringify(module.slice(0, 100))}, import.meta.url).`
        : ' For a text that is a URL: new URL(text).';
    throw invalid(`${argument} must be a URL or an absolute path, got ${(0, options_js_1.shown)(module)}.${typeof module === 'string' ? hint : ''}`);
}
function invalid(message) {
    return new errors_js_1.PlumpError('ERR_PLUMP_INVALID_ARGUMENT', message);
}
//# sourceMappingURL=module-url.js.map