// What the host speaks with over one channel: a program's standard streams, or a connection to a port of the image.
#pragma once
#include <poll.h>

#include <string>
#include <vector>

#include "frames.h"
#include "program.h"

class Channel {
 public:
  Channel(const Port& port, uint32_t number, const Started& program);
  // Begins a connection from the machine; `to` is a port of two bytes and an address of 4 or 16.
  Channel(const Port& port, uint32_t number, std::string_view to);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  pid_t pid() const { return pid_; }
  // Whether it is a program that has not ended.
  bool runs() const { return !exited_; }
  void Input(std::string_view bytes);
  void EndInput();
  void Credit(uint32_t bytes) { unused_ += bytes; }
  // The program has ended.
  void Exited(int status);
  // What is waited for at present.
  std::vector<pollfd> Events() const;
  void Handle(const pollfd& event);
  bool over() const;

 private:
  void Read(int& fd, char type);
  void Write();
  void Finish(int& fd, char type);
  void CloseInput();
  void Connected();

  const Port& port_;
  uint32_t number_;
  pid_t pid_ = 0;
  Pipes pipes_;
  bool socket_ = false, connecting_ = false, exited_ = false, input_ended_ = false;
  std::string input_;
  // Bytes that the host still takes.
  uint32_t unused_ = kWindow;
};
