#!/usr/bin/env node
import process from 'node:process';
import manifest from '../package.json' with { type: 'json' };
import { main } from './program.ts';

process.exitCode = await main({
  args: process.argv.slice(2),
  cwd: process.cwd(),
  env: process.env,
  version: manifest.version,
});
