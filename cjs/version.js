"use strict";
var __importDefault = (this && this.__importDefault) || function (mod) {
    return (mod && mod.__esModule) ? mod : { "default": mod };
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.version = void 0;
const node_module_1 = require("node:module");
const node_path_1 = require("node:path");
const package_root_cjs_1 = __importDefault(require("../package-root.cjs"));
/** Version of this package, as its package.json says it; host and worker must have the same. */
exports.version = (0, node_module_1.createRequire)((0, node_path_1.join)(package_root_cjs_1.default, 'package.json'))('./package.json').version;
//# sourceMappingURL=version.js.map