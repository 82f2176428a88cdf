#!/usr/bin/env node
'use strict';
// Runs main.cjs, whose text is one function, with V8's code cache. The build makes both: compiling the bundle anew takes a
// tenth of a short run.
// V8 itself refuses a cache of another version or other flags, and compiles then.
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Script } = require('node:vm');

const filename = path.join(__dirname, 'main.cjs');
const source = readFileSync(filename, 'latin1');
const cacheFile = path.join(__dirname, 'main.cache');
let cachedData;
try {
  cachedData = readFileSync(cacheFile);
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
const script = new Script(source, { filename, cachedData });
script.runInThisContext()(exports, require, module, filename, __dirname);
if (process.env.DEVS_BUILD_CODE_CACHE === '1') {
  process.once('exit', () => require('node:fs').writeFileSync(cacheFile, script.createCachedData()));
}
