// Digests of the OpenSSL that node exports (nm -D), by the headers that the pinned node brings: no second library.
#pragma once
#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

// One at a time for each thread; it begins again after each result.
class Digest {
 public:
  // `algorithm` as node:crypto names it: md5, sha1, sha224, sha256, sha384, sha512.
  explicit Digest(const std::string& algorithm)
      : method_(EVP_MD_fetch(nullptr, algorithm.c_str(), nullptr), EVP_MD_free), context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!method_ || !context_) throw std::runtime_error("OpenSSL has no digest " + algorithm);
    Begin();
  }

  void Update(const void* data, size_t size) {
    if (EVP_DigestUpdate(context_.get(), data, size) != 1) throw std::runtime_error("EVP_DigestUpdate failed");
    size_ += size;
  }

  // Bytes that were added since the last result.
  uint64_t size() const { return size_; }

  // The bytes of the digest.
  std::string Finish() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), bytes, &size) != 1) throw std::runtime_error("EVP_DigestFinal_ex failed");
    Begin();
    return std::string(reinterpret_cast<char*>(bytes), size);
  }

  // Drops what was added since the last result.
  void Begin() {
    if (EVP_DigestInit_ex(context_.get(), method_.get(), nullptr) != 1) throw std::runtime_error("EVP_DigestInit_ex failed");
    size_ = 0;
  }

 private:
  // Fetched once: a name or EVP_sha256() would be looked up under a lock for each file.
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> method_;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  uint64_t size_ = 0;
};

inline std::string Hex(const std::string& bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}
