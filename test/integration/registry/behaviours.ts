/** How registries differ from the specification and from each other, each with the public report of it. */
import type { Behaviour } from './stand-in.ts';

const mebibyte = 1 << 20;

export interface Named {
  /** For people: what it does. */
  name: string;
  /** Whose it is, and where that is told. */
  report: string;
  behaviour: Behaviour;
}

export const behaviours: readonly Named[] = [
  { name: 'all as it is specified', report: 'distribution-spec 1.1', behaviour: {} },
  { name: '201 for PATCH', report: 'ECR: openai/tart#273', behaviour: { patchStatus: 201 } },
  { name: '204 for PATCH', report: 'Pulp: pulp/pulp_container#2199', behaviour: { patchStatus: 204 } },
  {
    name: 'no piece above 4 MiB, no Referrers API',
    report: 'GHCR: oras-project/rust-oci-client#35',
    behaviour: { largestPiece: 4 * mebibyte, referrers: 'none' },
  },
  {
    name: 'a Range that stands still',
    report: 'ECR: aws/containers-roadmap#2831',
    behaviour: { rangeStands: true },
  },
  {
    name: 'no pieces',
    report: 'Artifact Registry: dotnet/sdk-container-builds#287',
    behaviour: { noRanges: 405 },
  },
  { name: 'no PATCH', report: 'allowed by distribution-spec 1.1', behaviour: { noPatch: 405 } },
  {
    name: 'bodies below 5 MiB',
    report: 'proxies: client_max_body_size of nginx',
    behaviour: { largestBody: 5 * mebibyte },
  },
  {
    name: 'pieces above a size',
    report: 'OCI-Chunk-Min-Length of distribution-spec 1.1',
    behaviour: { leastPiece: mebibyte },
  },
  {
    name: 'an upload is forgotten when it breaks off',
    report: 'distribution 2.8: its upload state',
    behaviour: { forgets: true },
  },
  { name: 'no mount', report: 'several: go-containerregistry#1388', behaviour: { noMount: 403 } },
  {
    name: 'HEAD without a length',
    report: 'distribution/distribution#4895',
    behaviour: { noLength: true },
  },
  {
    name: '403 for a tag that is not there',
    report: 'Artifactory: sigstore/cosign#2973',
    behaviour: { missingTag: 403 },
  },
  {
    name: 'the image itself at the fallback tag, no Referrers API',
    report: 'GitLab: oras-project/oras-go#1396',
    behaviour: { aliasTag: true, referrers: 'none' },
  },
  {
    name: 'each tag is written once (412)',
    report: 'Harbor: goharbor/harbor#17332',
    behaviour: { immutable: 412, referrers: 'none' },
  },
  {
    name: 'each tag is written once (400)',
    report: 'ECR: sigstore/cosign#313',
    behaviour: { immutable: 400, referrers: 'none' },
  },
  {
    name: 'a web page in place of the Referrers API',
    report: 'registries behind a user interface',
    behaviour: { referrers: 'page' },
  },
  {
    name: 'a repository is made by asking to push',
    report: 'Quay: helm/helm#32144',
    behaviour: { auth: 'bearer', madeByPush: true },
  },
  {
    name: 'the challenge names another scope',
    report: 'Artifactory: oras-project/oras-go#650',
    behaviour: { auth: 'bearer', hiddenPrefix: 'felt/' },
  },
  {
    name: 'a token server that sends on',
    report: 'google/go-containerregistry#2291',
    behaviour: { auth: 'bearer', tokenRedirects: true },
  },
  {
    name: 'tokens that die early',
    report: 'several',
    behaviour: { auth: 'bearer', tokenLife: 500 },
  },
  { name: 'Basic authentication', report: 'RFC 7617', behaviour: { auth: 'basic' } },
  {
    name: 'reading without login',
    report: 'containers/container-libs#1009',
    behaviour: { auth: 'bearer', openToRead: true },
  },
  {
    name: 'no DELETE',
    report: 'GHCR, Docker Hub: containers/skopeo#1880, docker/hub-feedback#2360',
    behaviour: { noDelete: 405 },
  },
  {
    name: 'no DELETE of a manifest that has tags',
    report: 'GCR: genuinetools/reg#136',
    behaviour: { noTaggedDelete: 400 },
  },
  {
    name: 'tags outlive the DELETE of their manifest',
    report: 'NORA: getnora-io/nora#658',
    behaviour: { tagsOutlive: true },
  },
  { name: '429 every few requests', report: 'Docker Hub: its rate limits', behaviour: { rateLimit: 7 } },
];
