"use strict";
// What a worker process runs first: opens the link, loads the module that the host named, serves its commands.
var __createBinding = (this && this.__createBinding) || (Object.create ? (function(o, m, k, k2) {
    if (k2 === undefined) k2 = k;
    var desc = Object.getOwnPropertyDescriptor(m, k);
    if (!desc || ("get" in desc ? !m.__esModule : desc.writable || desc.configurable)) {
      desc = { enumerable: true, get: function() { return m[k]; } };
    }
    Object.defineProperty(o, k2, desc);
}) : (function(o, m, k, k2) {
    if (k2 === undefined) k2 = k;
    o[k2] = m[k];
}));
var __setModuleDefault = (this && this.__setModuleDefault) || (Object.create ? (function(o, v) {
    Object.defineProperty(o, "default", { enumerable: true, value: v });
}) : function(o, v) {
    o["default"] = v;
});
var __importStar = (this && this.__importStar) || (function () {
    var ownKeys = function(o) {
        ownKeys = Object.getOwnPropertyNames || function (o) {
            var ar = [];
            for (var k in o) if (Object.prototype.hasOwnProperty.call(o, k)) ar[ar.length] = k;
            return ar;
        };
        return ownKeys(o);
    };
    return function (mod) {
        if (mod && mod.__esModule) return mod;
        var result = {};
        if (mod != null) for (var k = ownKeys(mod), i = 0; i < k.length; i++) if (k[i] !== "default") __createBinding(result, mod, k[i]);
        __setModuleDefault(result, mod);
        return result;
    };
})();
Object.defineProperty(exports, "__esModule", { value: true });
const node_module_1 = require("node:module");
const node_url_1 = require("node:url");
const options_js_1 = require("../options.js");
const errors_js_1 = require("../errors.js");
const registry_js_1 = require("../registry.js");
const worker_side_js_1 = require("./worker-side.js");
async function main() {
    const side = (0, worker_side_js_1.workerSide)();
    const { module, codecModule } = side.open();
    try {
        if (codecModule !== undefined)
            side.useCodec(await loadCodec(codecModule));
        if (module !== undefined) {
            // As `fork` has it: the module is the program.
            if (module.startsWith('file:'))
                process.argv[1] = (0, node_url_1.fileURLToPath)(module);
            registry_js_1.registry.addExports(await loadExports(module));
        }
        side.serve();
    }
    catch (error) {
        side.fail(error);
        process.exit(1);
    }
}
async function loadCodec(url) {
    const exports = (await Promise.resolve(`${url}`).then(s => __importStar(require(s))));
    const codec = exports.codec ?? exports.default;
    if ((0, options_js_1.isCodec)(codec))
        return codec;
    throw new errors_js_1.PlumpSerializationError('ERR_PLUMP_CODEC', `The codecModule must export { name, encode, decode } as \`codec\` or by default, got ${(0, options_js_1.shown)(codec)}.`);
}
async function loadExports(url) {
    const exports = (await Promise.resolve(`${url}`).then(s => __importStar(require(s))));
    // Of a CommonJS module Node names only the exports that it finds without running it; the rest is in `default`.
    const whole = exports['default'];
    return isCommonJs(url, exports) && typeof whole === 'object' && whole !== null
        ? { ...whole, ...exports }
        : exports;
}
function isCommonJs(url, exports) {
    if ('module.exports' in exports)
        return true;
    if (!url.startsWith('file:'))
        return false;
    const path = (0, node_url_1.fileURLToPath)(url);
    return (0, node_module_1.createRequire)(path).cache[path] !== undefined;
}
// Ctrl-C in a terminal reaches every process in it. The host decides what it means; its end is the worker's.
process.on('SIGINT', () => { });
void main();
//# sourceMappingURL=main.js.map