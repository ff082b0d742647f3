/** The program `genauthtoken`: makes the token with which clients of an App register (match engine spec section 3.5). */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type FlagSpec, helpText, messageOf, parseFlags, systemClock } from '@edgeplane/base';
import { SignJWT } from 'jose';

const FLAGS = {
  privkeyfile: { type: 'string', default: '', about: "PEM file with the developer's RSA key; required" },
  devname: { type: 'string', default: '', about: 'developer' },
  appname: { type: 'string', default: '', about: 'App' },
  appvers: { type: 'string', default: '', about: 'version of the App' },
  expSeconds: { type: 'number', default: '60', about: 'how long the token is good' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

async function makeToken(argv: readonly string[]): Promise<string> {
  const { privkeyfile, devname, appname, appvers, expSeconds } = parseFlags(FLAGS, argv).values;
  const now = Math.floor(systemClock.now() / 1000);
  return new SignJWT({ devname, appname, appvers })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuedAt(now)
    .setExpirationTime(now + expSeconds)
    .sign(createPrivateKey(readFileSync(privkeyfile)));
}

const argv = process.argv.slice(2);
if (argv.some((arg) => /^--?(help|h)$/.test(arg)))
  process.stdout.write(helpText('genauthtoken', 'makes a token for clients of an App', FLAGS));
else
  try {
    process.stdout.write(`Token: \n${await makeToken(argv)}\n`);
  } catch (error) {
    process.stderr.write(`genauthtoken: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
