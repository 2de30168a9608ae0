#include "make_layer.h"

#include "layer_sink.h"
#include "maker.h"

namespace layer {

namespace {

std::unique_ptr<LayerSink> OpenSink(const LayerOptions& options, LayerFile& file, LayerContent& content) {
  if (options.compression == "gzip") return PlainLayer(file, content, GzipCompressor(options.level));
  if (options.compression == "zstd:chunked") return ChunkedLayer(file, content, options.level);
  return PlainLayer(file, content, ZstdCompressor(options.level));
}

MadeLayer Make(const LayerOptions& options) {
  const auto segments = ReadSegments(reinterpret_cast<const uint8_t*>(options.segments.data()), options.segments.size());
  LayerFile file(options.layer);
  LayerContent content;
  const auto sink = OpenSink(options, file, content);
  Maker maker(*sink, &content.lister);
  MadeLayer made;
  uint64_t offset = 0;
  const auto end = [&] {
    made.segments.push_back({offset, file.size() - offset, sink->TakeIndex()});
    offset = file.size();
  };
  for (const Segment& segment : segments) {
    maker.Make(segment);
    end();
  }
  sink->Finish();
  end();
  made.digest = Hex(file.digest());
  made.diffId = Hex(content.Finish());
  LayerFile(options.listing).Write(content.lister.listing);
  return made;
}

}  // namespace

MadeLayer MakeLayer(const LayerOptions& options) {
  try {
    return Make(options);
  } catch (const LayerFailure& failure) {
    MadeLayer none;
    none.failure = failure;
    return none;
  }
}

ListedLayer ListLayer(const std::string& layer, const std::string& listing, bool isGzip) {
  try {
    LayerContent content;
    Digest digest("sha256");
    auto tar = Decompress(isGzip ? Package::kGzip : Package::kZstd, OpenFile(layer, &digest));
    std::vector<uint8_t> buffer(1 << 20);
    while (const size_t count = tar->Read(buffer.data(), buffer.size())) {
      content.Update(std::string_view(reinterpret_cast<char*>(buffer.data()), count));
    }
    const std::string diffId = Hex(content.Finish());
    LayerFile(listing).Write(content.lister.listing);
    return {Hex(digest.Finish()), diffId, {}};
  } catch (LayerFailure& failure) {
    if (std::string_view(failure.code) == "PACKAGE_INVALID") failure.code = "LAYERS_DIFFER";
    return {{}, {}, failure};
  }
}

}  // namespace layer
