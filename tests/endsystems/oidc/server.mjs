// An OpenID provider on a loopback port: node server.mjs <client id> <client secret>
// It takes a free port, prints its base URL as one line once it serves, and counts the revocations that it is asked for.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const [clientId, clientSecret] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const baseUrl = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(baseUrl, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      redirect_uris: [`${baseUrl}/callback`],
    },
  ],
  cookies: { keys: ['only-for-tests'] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_, interaction) => `/log-in/${interaction.uid}` },
  issueRefreshToken: () => true,
  ttl: { AccessToken: 3600, ClientCredentials: 3600, Grant: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
});

// Stands where a person would type a password and consent: it takes the name in `login_hint` for the person who did.
async function logIn(context) {
  const { prompt, params, session } = await provider.interactionDetails(context.req, context.res);
  if (prompt.name === 'login') {
    return { login: { accountId: params.login_hint } };
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return { consent: { grantId: await grant.save() } };
}

let revocations = 0;
provider.use(async (context, next) => {
  if (context.path.startsWith('/log-in/')) {
    const result = await logIn(context);
    context.redirect(await provider.interactionResult(context.req, context.res, result, { mergeWithLastSubmission: true }));
  } else if (context.path === '/revocations') {
    context.body = { count: revocations };
  } else {
    revocations += context.path === '/token/revocation' ? 1 : 0;
    await next();
  }
});

server.on('request', provider.callback());
console.log(baseUrl);
