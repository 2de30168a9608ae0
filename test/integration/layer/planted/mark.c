/* Gives files attributes that no busybox can give: mark NAME VALUE FILE.. */
#include <string.h>
#include <sys/xattr.h>

int main(int count, char **words) {
  for (int at = 3; at < count; at++)
    if (setxattr(words[at], words[1], words[2], strlen(words[2]), 0) != 0) return 1;
  return count > 3 ? 0 : 1;
}
