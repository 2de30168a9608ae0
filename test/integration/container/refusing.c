// Runs a program on a kernel that refuses what is told by its first argument: "idmap" or "userns". The calls end as
// on one that lacks them.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLONE_NEWUSER 0x10000000

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int idmap = strcmp(argv[1], "idmap") == 0;
  const unsigned call = idmap ? SYS_mount_setattr : SYS_clone;
  const unsigned error = idmap ? ENOSYS : ENOSPC;
  // The lower half of the first argument: clone's flags; mount_setattr is refused whatever it is asked for.
  const unsigned wanted = idmap ? 0 : CLONE_NEWUSER;
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, wanted),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wanted, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("seccomp");
    return 2;
  }
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 2;
}
