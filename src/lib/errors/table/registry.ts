/** Errors of images in registries, and of who signed what. */
import type { Rows } from './row.ts';

export const registry = {
  REGISTRY_BLOCKED: {
    summary: "the host's configuration (registries.conf) blocks the registry, or a part of it",
    hint: 'Use an image of another registry, or have the block taken out of registries.conf.',
  },
  REGISTRY_UNAVAILABLE: {
    summary: 'the registry does not answer, or fails again and again',
    hint: 'Check its address and the network, then run the command again. What has arrived there is kept.',
    retryable: true,
  },
  REGISTRY_DENIED: {
    summary: 'the registry refused access',
    hint: 'Log in with an account that may do this (podman login REGISTRY).',
  },
  REGISTRY_INVALID: {
    summary: 'the registry sent an answer that the protocol does not allow, or bytes with another digest',
    hint: 'Check that the reference names a registry, and have its operator look at the named request.',
  },
  REGISTRY_EXCESS: {
    summary: 'the registry has more manifests, referrers, tags or signatures than one operation reads',
    hint: 'Look at what is attached to the image, and at who can write to the repository. Remove what is not needed, or use a copy of the image without it.',
  },
  DELETE_UNSUPPORTED: {
    summary: 'the registry does not delete images on request',
    hint: "Have its operator allow it (docker-registry: REGISTRY_STORAGE_DELETE_ENABLED=true), or remove old images with the registry's own retention rules.",
  },
  REGISTRY_INSECURE: {
    summary: 'the registry has no TLS that this host trusts, or redirects to plain HTTP',
    hint: 'Have its operator fix the certificate or the redirect. On a network where nobody can listen, allow plain HTTP with --plain-http.',
  },
  TAG_HELD: {
    summary: 'the tag is held, or was rolled back from this image or its lock, so nothing was moved',
    hint: 'See milliner log REF --key FILE. Release a new lock, or lift the hold with milliner unhold REF --key FILE.',
  },
  HISTORY_MISSING: {
    summary: 'the registry has no history of this tag by this key, or no record of an image to go back to',
    hint: 'Check the reference and the key. Tags have a history from the first publish with Milliner 0.3 on. Name an image with --to DIGEST if the history has others.',
  },
} satisfies Rows;

export const unsigned = {
  SIGNATURE_MISSING: {
    summary: 'the image lacks a signature or a signed bill of materials',
    hint: 'Publish it with milliner publish. If others signed it, it may have one of the two layouts: name that with --only.',
  },
} satisfies Rows;

export const wrongKey = {
  SIGNATURE_WRONG_KEY: {
    summary: 'the image is signed, but not with this key',
    hint: 'Give the public key of the publisher with --key.',
  },
  SIGNATURE_REFUSED: {
    summary:
      'the image is signed with this key, but the signature does not count: the key was revoked or had expired, or the hash is weak',
    hint: 'Have its publisher sign it again, or fetch the newest copy of the key.',
  },
  IMAGE_REVOKED: {
    summary: 'the image is signed with this key, which has revoked it since',
    hint: 'Do not run the image. Use a newer one.',
  },
} satisfies Rows;

export const altered = {
  IMAGE_ALTERED: {
    summary: 'the image or a signature was changed: it is damaged, or the signature is of another image',
    hint: 'Do not run the image. Find out who can write to the repository, then publish the image again.',
  },
  INDEX_INVALID: {
    summary:
      'the index of images for several architectures is not one that Milliner publishes: its form is another, or its images are of other platforms or recipes than it says',
    hint: 'Publish the images of all architectures again with milliner publish. For an index by others, verify the signature alone: --signature-only.',
  },
  HISTORY_ALTERED: {
    summary:
      'the history of a tag was changed: a record is damaged, missing, in another place, of another key, or older than what this host has seen',
    hint: 'Find out who can write to the repository. Two publishers without a common queue can also overwrite a record. To begin a new history, delete the tag sha256-HEX.history of the error from the registry, and the file of this tag in statements/history of each state that publishes.',
  },
} satisfies Rows;

export const unbooted = {
  IMAGE_UNBOOTED: {
    summary: 'the image cannot be published: it did not boot and pass its checks here',
    hint: 'Boot the image with milliner boot IMAGE.',
  },
  HANDMADE: {
    summary: 'the image has a layer that was made by hand, and no recipe makes again',
    hint: 'Put the change into a recipe and build it. To publish the image as it is, say --allow-handmade.',
  },
  VERDICT_MISSING: {
    summary: 'the image has no signed verdict that it booted and passed its checks',
    hint: 'Boot it with milliner boot, then publish it again.',
  },
  VERDICT_REVOKED: {
    summary: 'the verdict that the image booted was revoked by the key that had signed it',
    hint: 'Boot it again with milliner boot, then publish it again.',
  },
} satisfies Rows;

export const otherReference = {
  SIGNED_ELSEWHERE: {
    summary: 'the image is signed with this key under another reference: it was copied, or given another tag',
    hint: 'If it is meant to be a copy, name the reference that was signed: milliner verify --signed-as REFERENCE.',
  },
  SIGNATURE_UNNAMED: {
    summary:
      'the image is signed with this key in bundles alone, which name no reference: anyone who can push could have put any signed image under this tag',
    hint: 'Ask for the image by its digest, or have it signed with its reference (milliner publish, or cosign before 3). To take any image of this key, use --unnamed, or in a recipe from: {unnamed: true}.',
  },
  TAG_ROLLED_BACK: {
    summary:
      'the tag names an image that it named before, or nothing is stated of it any more: this host has seen a newer statement',
    hint: 'Look at who can write to the repository. If its publisher meant to go back, have the image published again with milliner publish.',
  },
  TAG_EXPIRED: {
    summary: 'the statement of what the tag names has expired: the tag may be held back at an older image',
    hint: 'Have the image published again with milliner publish. To take it as it is, use --allow-expired, or in a recipe from: {expired: true}.',
  },
} satisfies Rows;
