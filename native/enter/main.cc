#include <cstring>

#include "modes.h"
#include "order.h"

// Starts in a container what the caller names. It is linked statically, because it runs on the image's root.
int main(int count, char** words) {
  const std::string mode = count > 1 ? words[1] : "";
  if (mode == "launch" && count > 5) return Launch(words + 2);
  if (mode == "trial") return 0;
  if (mode == "init") return Init();
  if (mode == "cover" && count > 3) return Cover(words + 2);
  if (mode == "join" && count > 3) return Join(words + 2);
  if (mode == "exec" && count > 5) return Exec(words + 2, false);
  if (mode == "exec-terminal" && count > 5) return Exec(words + 2, true);
  Refuse("it is started by Milliner alone");
}
