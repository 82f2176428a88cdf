#!/usr/bin/env node
'use strict';
// Runs main.cjs, whose text is one function, with V8's code cache. The build makes both: compiling the
// bundle anew takes a tenth of a short run.
//
// The cache begins with the SHA-256 of the bundle that it was made of. V8 compares nothing of the
// source but its length, so it would run the code of another bundle that is as long; it does refuse a
// cache of another version or other flags, and compiles then. Who may write the cache may write the
// bundle beside it, too: the hash guards against a mixed installation, not against its owner.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Script } = require('node:vm');

const filename = path.join(__dirname, 'main.cjs');
const bundle = readFileSync(filename);
const hash = createHash('sha256').update(bundle).digest();
const cacheFile = path.join(__dirname, 'main.cache');
const script = new Script(bundle.latin1Slice(), { filename, cachedData: readCache() });
script.runInThisContext()(exports, require, module, filename, __dirname);
if (process.env.DEVS_BUILD_CODE_CACHE === '1') process.once('exit', writeCache);

function readCache() {
  let cache;
  try {
    cache = readFileSync(cacheFile);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
  return hash.equals(cache.subarray(0, hash.length)) ? cache.subarray(hash.length) : undefined;
}

/** Whole or not at all: V8 trusts the length that a cut cache says it has. */
function writeCache() {
  const { renameSync, writeFileSync } = require('node:fs');
  const temporary = `${cacheFile}.${process.pid}`;
  writeFileSync(temporary, Buffer.concat([hash, script.createCachedData()]));
  renameSync(temporary, cacheFile);
}
