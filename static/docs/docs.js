// @ts-check
/** The page /docs: Swagger UI over this server's own document. Knows nothing of the rest of the page. */

/** @type {(options: object) => unknown} */
const SwaggerUIBundle = Reflect.get(globalThis, "SwaggerUIBundle");

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#requests",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // nothing is sent to others' servers
  queryConfigEnabled: false, // nor is a document of others shown here
});
