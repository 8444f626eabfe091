package serve

import "github.com/kmstrail/kmstrail/internal/operate"

var (
	detectOne   = operate.DetectRequest{Detectors: []string{"cross_account_decrypt"}}
	maintainAll = operate.MaintainRequest{All: true}
)
