import './faults.ts';
import '../../src/bin.ts';
