// Gives the members of segments to a sink, with their contents.
#pragma once
#include <map>
#include <memory>
#include <unordered_map>

#include "../system/openssl.h"
#include "layer_sink.h"
#include "payload.h"

namespace layer {

class Maker {
 public:
  // `lister`: of the tar stream that the sink writes. It gives the digests of contents, so that each is hashed once;
  // without it they are hashed here.
  Maker(LayerSink& sink, TarLister* lister) : sink_(sink), lister_(lister) {}

  // Throws LayerFailure with the path of the package or blob as its subject.
  void Make(const Segment& segment);

 private:
  // The entries of a file that has content: the first, and hard links to it.
  struct Names {
    const TarEntry* first = nullptr;
    std::vector<const TarEntry*> others;
  };
  using Named = std::unordered_map<uint32_t, Names>;

  void Give(const Members& members);
  void Give(const Package& package);
  void Give(const Stored& stored);
  Named GiveRest(const Package& package);
  void GiveContent(Content& content, const Package::File& file);
  void GiveFile(int root, const std::string& path, const TarEntry& entry);
  Digest* DigestOf(const Package::File& file);

  LayerSink& sink_;
  TarLister* const lister_;
  // By OpenPGP's number.
  std::map<int, std::unique_ptr<Digest>> digests_;
};

}  // namespace layer
