// Lets Node run the packages' TypeScript sources as they are: no build in between. Node strips the types itself.
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const PREFIX = '@dudousxd/nestjs-durable-';
const packages = new URL('../../', import.meta.url);

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith(PREFIX)) {
      const [name, ...rest] = specifier.slice(PREFIX.length).split('/');
      const file = rest.length === 0 ? 'index.ts' : `${rest.join('/')}.ts`;
      const url = new URL(`${name}/src/${file}`, packages);
      if (existsSync(fileURLToPath(url))) return { url: url.href, shortCircuit: true };
    }
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL) {
      const url = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (existsSync(fileURLToPath(url))) return { url: url.href, shortCircuit: true };
    }
    return next(specifier, context);
  },
});
