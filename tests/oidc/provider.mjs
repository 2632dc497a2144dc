// An OpenID Connect provider on a free port of this machine. Its one argument is JSON: the registered `clients`, and `now`, at which its
// clock begins (tests stop the server's clock, and both must agree). It prints its issuer as one line, and ends with its standard input.
//
// `POST /test/lie` makes the next ID token say these claims instead of the true ones (null leaves one out), under a signature that holds.
// `POST /test/rotate` changes the key that it signs with.
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";

const { clients, now, claims = {} } = JSON.parse(process.argv[2]);

if (now) {
  const Real = Date;
  const ahead = now - Real.now();
  globalThis.Date = class extends Real {
    constructor(...given) {
      super(...(given.length ? given : [Real.now() + ahead]));
    }
    static now() {
      return Real.now() + ahead;
    }
  };
}
const { Provider } = await import("oidc-provider");

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

let lie;
let signing;
let serve;

function begin() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  signing = { key: privateKey, kid: randomUUID() };
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: signing.kid, alg: "RS256", use: "sig" }] },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, ...claims }),
    }),
    features: { devInteractions: { enabled: true } },
  });
  provider.use(async (context, next) => {
    await next();
    if (lie && context.body?.id_token) {
      context.body.id_token = told(context.body.id_token);
    }
  });
  serve = provider.callback();
}

function told(token) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const truth = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
  const said = Object.fromEntries(Object.entries({ ...truth, ...lie }).filter(([, value]) => value !== null));
  lie = undefined;
  const text = `${part({ alg: "RS256", kid: signing.kid })}.${part(said)}`;
  return `${text}.${sign("sha256", Buffer.from(text), signing.key).toString("base64url")}`;
}

begin();
server.on("request", async (request, response) => {
  if (request.url === "/test/lie") {
    let text = "";
    for await (const piece of request) {
      text += piece;
    }
    lie = JSON.parse(text);
    response.end();
  } else if (request.url === "/test/rotate") {
    begin();
    response.end();
  } else {
    serve(request, response);
  }
});
// Whoever started it may read that one line and no other: a later one would break the pipe.
console.log(issuer);
console.info = console.error;
process.stdin.on("end", () => process.exit()).resume();
