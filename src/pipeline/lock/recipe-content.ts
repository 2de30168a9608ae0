/** What an image is made of besides its packages: the recipe's own content, and that of its bases. */
import { fileChecksum } from '../../lib/host/checksum.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import { annotatedTest } from '../../stages/image/image.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Repository } from '../../stages/recipe/schema.ts';

export async function contentOf({ recipe, templates }: LoadedRecipe) {
  // The servers of packages, limits of the installation and publishing targets do not change the image.
  const { repos, install: _install, publish: _publish, from: _from, ...content } = recipe;
  return {
    // As text, because its order matters: that of values to templates, that of the environment to the image.
    recipe: JSON.stringify({ ...content, test: content.test && annotatedTest(content.test) }),
    trust: await trustOf(repos),
    templates: recipe.files.map(({ template }) =>
      template === undefined ? '' : templates.get(template)!.text,
    ),
  };
}

/** `base` is the digest of the recipe below, if there is one. A lock can stay while this changes. */
export async function contentDigest(loaded: LoadedRecipe, base: Digest | undefined): Promise<Digest> {
  return canonicalDigest({ ...(await contentOf(loaded)), base: base ?? '' });
}

/** The keys are an input: when a recipe drops a key, the packages must be verified again. */
async function trustOf(repos: Repository[]): Promise<object[]> {
  return Promise.all(
    repos.map(async ({ name, gpgcheck, keys }) => ({
      name,
      gpgcheck,
      keys: await Promise.all(
        keys.map(
          async ({ file, fingerprint = '' }) => (await fileChecksum(file, 'sha256')).value + fingerprint,
        ),
      ),
    })),
  );
}
