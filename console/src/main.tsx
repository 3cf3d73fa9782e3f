import './ui/tokens.css';
import './ui/base.css';
import './ui/components.css';
import './app/shell.css';
import './pages/call/call.css';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api/client.js';
import { App } from './app/app.js';
import { applyTheme } from './app/theme.js';

applyTheme();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: true,
      // What the gateway refuses it refuses again; what did not reach it may reach it now.
      retry: (count, error) => count < 3 && error instanceof ApiError && [0, 429, 503].includes(error.status),
    },
  },
});

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>,
  );
}
